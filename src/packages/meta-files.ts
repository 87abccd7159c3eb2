/**
 * The files beside the content. What FileVault reads follows from the manifest byte for byte, so that a package cannot say
 * one thing to us and another to a Sling or AEM instance (an install hook, say).
 */
import { ReplicationError } from '../errors.ts'
import type { ManifestHeader, PackageId, PackageOrigin } from './manifest.ts'
import { parseSignatures } from './signatures.ts'

/** In the order of the zip; `origin` may be absent, and the content stands between its folder and the manifest. */
export const metaNames = {
  filter: 'META-INF/vault/filter.xml',
  origin: 'META-INF/trebuchet/origin.json',
  content: 'jcr_root/',
  manifest: 'META-INF/trebuchet/manifest.ndjson',
  properties: 'META-INF/vault/properties.xml',
} as const

export type MetaFile = keyof typeof metaNames

export const maxOriginBytes = 64 * 1024

/**
 * Of a delta and of an index (`elsewhere`) it says `update` whatever its mode: FileVault, which knows nothing of what is held elsewhere,
 * would take what has no content here for gone.
 */
export function filterXml({ mode, roots }: ManifestHeader, elsewhere: boolean): string {
  const attribute = mode === 'mirror' && !elsewhere ? '' : ' mode="update"'
  const lines = roots.map((root) => `  <filter root="${xml(root)}"${attribute}/>\n`)
  return `<?xml version="1.0" encoding="UTF-8"?>\n<workspaceFilter version="1.0">\n${lines.join('')}</workspaceFilter>\n`
}

export function propertiesXml(id: PackageId, delta: boolean): string {
  return `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">
<properties>
  <entry key="group">trebuchet</entry>
  <entry key="name">${id}</entry>
  <entry key="version">1</entry>
  <entry key="packageFormatVersion">2</entry>
${delta ? '  <entry key="delta">true</entry>\n' : ''}</properties>
`
}

export function originJson({ installation, agent, command, actor, createdAt, signatures }: PackageOrigin): string {
  const origin = {
    ...{ installation, agent, command, ...(actor !== undefined && { actor }), createdAt },
    ...(signatures !== undefined && { signatures }),
  }
  return `${JSON.stringify(origin)}\n`
}

/** Fields that it does not know are passed over: the origin is outside the digest, and will grow. Throws `invalid`. */
export function parseOrigin(text: string): PackageOrigin {
  try {
    const { installation, agent, command, actor, createdAt, signatures } = JSON.parse(text) as Record<string, unknown>
    return {
      installation: textOf(installation),
      agent: textOf(agent),
      command: textOf(command),
      ...(actor !== undefined && { actor: textOf(actor) }),
      createdAt: textOf(createdAt),
      ...(signatures !== undefined && { signatures: parseSignatures(signatures) }),
    }
  } catch (cause) {
    throw new ReplicationError('invalid', `package: ${metaNames.origin} is not an origin in JSON`, { cause })
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a field is not text')
  return value
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** For an attribute. White space other than a space would be normalised away; what XML 1.0 cannot say becomes U+FFFD. */
function xml(text: string): string {
  return (
    text
      .replaceAll(/[&<>"]/g, (char) => entities[char] ?? char)
      .replaceAll(/[\t\n\r]/g, (char) => `&#${char.charCodeAt(0)};`)
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
  )
}
