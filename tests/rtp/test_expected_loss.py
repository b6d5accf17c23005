from mediaserver.rtp.expected_loss import ExpectedLoss


def test_loss_is_believed_at_once_and_forgotten_slowly() -> None:
    expected = ExpectedLoss()
    assert expected.share == 0.0
    expected.reported(0.1)
    assert expected.share == 0.1
    shares = []
    for _ in range(10):
        expected.reported(0.0)
        shares.append(expected.share)
    assert shares == sorted(shares, reverse=True)
    assert shares[2] > 0.02
    assert shares[-1] == 0.0


def test_more_loss_raises_it_and_next_to_none_is_none() -> None:
    expected = ExpectedLoss()
    expected.reported(1 / 256)
    assert expected.share == 0.0
    expected.reported(0.05)
    expected.reported(0.2)
    assert expected.share == 0.2
