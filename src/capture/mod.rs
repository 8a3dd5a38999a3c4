//! Packet captures: reading, flow tracking, replay and sizing.
