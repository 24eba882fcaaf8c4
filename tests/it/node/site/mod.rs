//! Sites whose nodes are processes: real nginx, php-fpm and store of sessions, in namespaces of their own, where every
//! account may listen at port 80.

mod bad_input;
mod crash;
mod world;
