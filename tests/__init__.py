"""The tests, as a package of their own: a package that we install brings another `tests`, which would go before a folder."""
