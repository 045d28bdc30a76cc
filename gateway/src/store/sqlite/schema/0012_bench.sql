-- What was received at a site around an instant: a card that comes late decides about it, and the
-- frames of one device tell of its clock.
CREATE INDEX reading_received ON reading (site, received_at);
