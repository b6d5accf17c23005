import pytest

from mediaserver.load.server_process import ServerFailedError, serving


async def test_a_server_that_cannot_start_says_why(tmp_path):
    settings = tmp_path / "wrong.toml"
    settings.write_text('[sip]\nudp = "nowhere"\n[log]\nformat = "json"\n')
    async with serving(settings) as server:
        with pytest.raises(ServerFailedError, match=r"sip\.udp"):
            await server.ready(30)


async def test_a_server_is_ready_and_stops(tmp_path, free_udp_port):
    settings = tmp_path / "server.toml"
    settings.write_text(
        f'[sip]\nudp = "127.0.0.1:{free_udp_port}"\n[agent]\nmodel = "gpt-realtime"\n'
        '[providers.openai]\napi_key = "sk-test"\nbase_url = "http://127.0.0.1:9/v1"\n[log]\nformat = "json"\n'
    )
    async with serving(settings) as server:
        line = await server.ready(30)
        assert line.fields["sip_udp"] == f"127.0.0.1:{free_udp_port}"
    assert [each.event async for each in server.events()][-2:] == ["stopping", "wheel"]


@pytest.fixture
def free_udp_port():
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
