//! Every explicit rule of group G, machine by machine.
