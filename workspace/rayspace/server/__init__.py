"""The Jupyter server's half: REST and one WebSocket under ``/rayspace/``; see ``openapi.yaml``."""
