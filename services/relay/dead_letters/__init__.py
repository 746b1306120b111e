"""What operators see of dead letters, and do about them; consumers write and retry them."""
