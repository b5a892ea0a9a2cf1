"""The embedded exchange: a loopback server of TqSdk's protocol with a market model of its own, in its own process.

Belongs here: the protocol's server side, the model of contracts and ticks, faults for tests and rehearsals.
Does not belong here: anything of the client's side (`tq`); nothing here imports tqsdk.
"""
