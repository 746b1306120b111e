"""A process from start to stop: settings, telemetry, the admin port, life cycle and draining.

It runs what it is given; it never knows which services there are.
"""
