"""The commands. Each loads only what it needs, so that `--help` is quick."""

import typer

from mediaserver.cli.agents import agents_app
from mediaserver.cli.call import call
from mediaserver.cli.chat import chat
from mediaserver.cli.check import check
from mediaserver.cli.demo import demo
from mediaserver.cli.dial import dial
from mediaserver.cli.emulate import emulate
from mediaserver.cli.ladder import ladder
from mediaserver.cli.serve import serve

app = typer.Typer(
    name="mediaserver",
    help="A SIP/RTP media server for speech-to-speech AI agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(call)
app.command()(dial)
app.command()(chat)
app.command()(demo)
app.command()(emulate)
app.command()(check)
app.command()(ladder)
app.add_typer(agents_app, name="agents")
