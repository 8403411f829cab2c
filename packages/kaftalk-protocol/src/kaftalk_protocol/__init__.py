"""The shared language of Kaftalk: ids, records, frames, room state, topics and keys; pure, without I/O."""
