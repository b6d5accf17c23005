"""SIP conformance: the server as a process, SIPp as its peers, one scenario a case, and a proof that each can fail.

`cases/*.xml` are the cases, in SIPp's own words plus a few that `compose` spells out. `case` reads them, `play` plays
one, `wire` and `relay` stand in the middle where a message is to be lost, altered, or carried by a transport that SIPp
does not have. `servers/` has the settings that cases share.
"""
