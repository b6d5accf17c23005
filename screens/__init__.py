"""Pictures of the server's page: a real call from Chromium to the offline agent, before, in and after it.

`caller` speaks when it is time to, `chromium` is the browser with a microphone for that, `shots` what is taken and
checked of the page, `run` the whole.
"""
