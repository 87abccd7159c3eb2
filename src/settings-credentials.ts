import { Type } from './resources/type.ts'

/** By what callers say who they are, and what secrets are kept with. */
export const credentialSettings = {
  adminToken: Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{16,1000}$',
      description: 'A token of at least 16 characters that may do everything; better in a file, see ADMIN_TOKEN_FILE.',
    }),
  ),
  secretsKey: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'What secrets are encrypted with: 32 bytes in base64 or hexadecimal. Several with commas between them: the first encrypts, all decrypt.',
    }),
  ),
  protectHealth: Type.Boolean({ default: false, description: 'Ask for a token at /health too.' }),
  protectMetrics: Type.Boolean({ default: false, description: 'Ask for a token at /metrics too.' }),
  // An identity provider whose tokens are good here: src/access/issuer.ts says what they may be.
  oidcIssuer: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'Who signs tokens elsewhere that are good here: an OpenID Connect issuer.',
    }),
  ),
  oidcAudience: Type.Optional(
    Type.String({ minLength: 1, description: 'What these tokens must be made for (`aud`).' }),
  ),
  oidcJwksUrl: Type.Optional(
    Type.String({ minLength: 1, description: 'Where its keys are, if it does not say so itself.' }),
  ),
  oidcRights: Type.Optional(
    Type.String({ minLength: 1, description: 'Which claims give which rights, as JSON; without it none does.' }),
  ),
  oidcNameClaim: Type.String({
    default: 'sub',
    minLength: 1,
    description: 'The claim that histories call people by.',
  }),
}
