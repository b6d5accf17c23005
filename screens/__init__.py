"""Pictures of the server's page: a real call from Chromium to the offline agent, before, in and after it.

`story` is what the caller says, `chromium` the browser with a microphone that says it, `shots` what is taken and checked
of the page, `run` the whole.
"""
