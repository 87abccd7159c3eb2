/** Shorter ones would be found in words that are none. */
const minLength = 6

/** Longest first: one may be part of another. */
let known: readonly string[] = []

/** From now on no error and no line of this process tells it, whoever quotes it. */
export function keepSecret(secret: string): void {
  // As it is, and as it stands in addresses and in JSON.
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
  const fresh = forms.filter((text) => text.length >= minLength && !known.includes(text))
  if (fresh.length > 0) known = [...new Set([...known, ...fresh])].toSorted((a, b) => b.length - a.length)
}

/** The text, with *** wherever a secret that is kept stands in it: others quote what they were sent. */
export function withoutSecrets(text: string): string {
  let clean = text
  for (const secret of known) if (clean.includes(secret)) clean = clean.replaceAll(secret, '***')
  return clean
}
