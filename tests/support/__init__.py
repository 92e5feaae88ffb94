"""What the tests share: real stores and servers, model versions made fast, and a proxy that counts requests."""
