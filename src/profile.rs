//! Which controls apply and with which parameters.
