"""The services, a package each; `chassis` lies below them and `assembly` above."""
