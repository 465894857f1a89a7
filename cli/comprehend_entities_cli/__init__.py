"""``comprehend-entities``: the command line of the workflow, for any account, Region and endpoint.

It knows a deployment by the tags of its state machine (docs/architecture.md) and needs nothing of the CDK.
"""
