// An identity provider for one client: node provider.mjs PORT REDIRECT_URI SECRET. Whoever types a name
// is that person; the password is not looked at. It says "ready" once it listens.

import Provider from "oidc-provider";

const [port, back, secret] = process.argv.slice(2);
const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: "xunzhen", client_secret: secret, redirect_uris: [back] }],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: `subject of ${id}`, preferred_username: id }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
