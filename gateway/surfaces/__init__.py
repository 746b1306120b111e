"""The surfaces that contracts cannot describe by annotation, a file each: chat, events, auth."""
