"""Attacks on the whole product: kills, full disks, damaged files, hostile models, many people."""
