-- Rule packs of the gateway above: whose each is. NULL: this gateway's own.
ALTER TABLE pack ADD COLUMN origin TEXT;
