"""What `maitred check` looks at: a module per subject, each returning findings."""
