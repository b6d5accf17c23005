import pytest

from mediaserver.agents.sealing import KEY_FILE_VARIABLE, KEY_VARIABLE, Sealer, SealError, new_key


def test_a_sealed_secret_comes_back_and_does_not_show():
    sealer = Sealer([new_key()])
    token = sealer.seal("sk-very-secret")
    assert token.startswith("sealed:") and "sk-very" not in token
    assert sealer.unseal(token) == "sk-very-secret"
    assert sealer.seal("sk-very-secret") != token


def test_another_key_does_not_open_it():
    token = Sealer([new_key()]).seal("x")
    with pytest.raises(SealError, match="sealed with another key"):
        Sealer([new_key()]).unseal(token)


def test_a_damaged_token_is_refused():
    sealer = Sealer([new_key()])
    token = sealer.seal("x")
    changed = token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]
    for wrong in (changed, "sealed:", "sealed:ü"):
        with pytest.raises(SealError, match="damaged"):
            sealer.unseal(wrong)


def test_keys_are_replaced_one_after_the_other():
    old, new = new_key(), new_key()
    token = Sealer([old]).seal("x")
    both = Sealer.of_environment({KEY_VARIABLE: f"{new}, {old}"})
    assert both.unseal(token) == "x"
    assert Sealer([new]).unseal(both.seal("y")) == "y"


def test_the_key_may_be_in_a_file(tmp_path):
    key, path = new_key(), tmp_path / "key"
    path.write_text(key + "\n")
    assert Sealer([key]).unseal(Sealer.of_environment({KEY_FILE_VARIABLE: str(path)}).seal("x")) == "x"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "there is no key; make one with `mediaserver agents key`"),
        ({KEY_VARIABLE: "secret"}, "the key is not one of ours"),
        ({KEY_FILE_VARIABLE: "/no/such"}, "cannot be read"),
    ],
)
def test_a_missing_or_senseless_key_says_what_to_do(environment, words):
    with pytest.raises(SealError, match=words):
        Sealer.of_environment(environment)
