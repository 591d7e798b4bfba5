//! What people and programs are shown: events, explanations, views.
