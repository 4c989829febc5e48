"""The program that suspends a cluster on Kubernetes that nobody uses. It runs beside the head.

It must run in any image of Ray: standard library only, Python from 3.10 on. It touches nothing but
its own RayCluster, and what Kueue keeps of it.
"""
