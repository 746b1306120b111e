"""What takes off a price: five kinds of promotions, checked, kept, and applied to carts.

`pricing` says which of them go together, and what each takes off.
"""
