"""What guests think of how they were served: ratings, and carts they left behind."""
