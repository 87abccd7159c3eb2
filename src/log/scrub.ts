import { withoutSecrets } from '../known-secrets.ts'

/** Where secrets stand in texts that nobody thought of: addresses, headers, keys of webhooks. */
const places: readonly (readonly [RegExp, string])[] = [
  // https://user:password@host
  [/:\/\/[^\s/?#"'\\]*@/g, '://***@'],
  // ?token=…, &access_key=…
  [/([?&][\w.%-]*(?:token|secret|passw|pwd|key|sig|auth|credential|session)[\w.%-]*=)[^&\s"'\\#<>)]+/gi, '$1***'],
  [/\b(Bearer|Basic|Digest|Negotiate) +[\w.~+/=-]{6,}/gi, '$1 ***'],
  [/\bwhsec_[A-Za-z0-9+/=_-]+/g, 'whsec_***'],
]

/** Takes secrets out of a text: those that are known, and whatever stands where secrets do. */
export function scrub(text: string): string {
  let clean = withoutSecrets(text)
  for (const [place, instead] of places) clean = clean.replace(place, instead)
  return clean
}
