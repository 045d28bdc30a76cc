-- Accounts that an identity provider vouches for: open to the first sign-in of their name, or bound to
-- issuer and subject. Sealed under `key`; NULL: none does.

ALTER TABLE account ADD COLUMN oidc BLOB;
