"""What the tests share: real stores and servers, model versions made fast, a proxy that counts."""
