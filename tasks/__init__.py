"""The jobs: each has a name declared in a room, one piece of work here, and nothing of the business.

- registry: `runs` makes a function the work of a job · run: how work is done safely
- schedule: the whole timetable · build: the Celery app from the web app · app: the one that worker and beat load
- one module for each room of jobs: ids in, one call into the room, done

A message carries the id of an outbox row and nothing else. The row is the to-do item, the message a nudge, a sweep the
guarantee. Every job may run twice.
"""
