//! The attributes of taskleak.
