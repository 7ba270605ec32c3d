//! What a policy holds a sweep to: limits, the pause, doubts, lost and missed backups, and the work queue.
