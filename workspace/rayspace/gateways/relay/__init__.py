"""Ports and socket files of this machine that lead to a server, with what that server asks for."""
