"""The worker: runs the jobs that services defer and those that schedules call for.

It owns schema `jobs`, in which Procrastinate keeps jobs, and serves `maitred.jobs.v1`. It knows no
service: assembly gives it their jobs, and each works on its own service's database role.
"""
