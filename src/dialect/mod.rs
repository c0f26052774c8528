//! Wire formats: how requests are read and changed, and how answers and errors are read and written.
//!
//! Everything here is a function of bytes: it waits for nothing, and knows neither the configuration nor the runtime. So it
//! can be tested, and fuzzed, with bytes alone.
//!
//! [`wire`] knows bytes only. [`api`] knows endpoints, and reads single members. The other modules know formats: [`openai`]
//! whole answers, [`observe`] streams, [`upstream_error`] the errors of all upstreams, [`model_list`] lists of models,
//! [`simple_chat`] the gateway's own `POST /chat`, [`echo`] what the gateway's own provider says. [`providers`] is the table of
//! those that the gateway knows by name, and [`upstream_models`] that of what is special about their models.

pub mod anthropic;
pub mod api;
pub mod chat;
pub mod echo;
pub mod ending;
pub mod formats;
pub mod gemini;
pub mod key_header;
pub mod model_list;
pub mod neutral;
pub mod observe;
pub mod openai;
pub mod providers;
pub mod responses;
pub mod simple_chat;
pub mod translation;
pub mod upstream_error;
pub mod upstream_models;
pub mod usage;
pub mod wire;
