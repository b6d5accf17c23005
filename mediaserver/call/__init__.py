"""The call: SIP on one side, orders to the media plane on the other."""
