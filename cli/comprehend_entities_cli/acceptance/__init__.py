"""``accept``: deploy the workflow under a name of its own, prove each point on the account, and remove it all."""
