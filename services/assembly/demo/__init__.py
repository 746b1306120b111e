"""The demo tenants: who they are, what they sell, how they are brought into an installation."""
