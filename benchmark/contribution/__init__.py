"""What `mixseg check --pr` looks at: a pull request that adds rows."""
