import { structuredPatch } from 'diff'
import { parseJson } from '../../documents/json.ts'
import { printYaml } from '../../documents/yaml.ts'

/** Two large documents that have nothing in common would take minutes. */
const timeoutMs = 2000

/** What is different between two documents, member by member, as the hunks of a unified diff of their YAML. */
export function memberDiff(before: string, after: string): string {
  const [old, now] = [asYaml(before), asYaml(after)]
  const patch = structuredPatch('', '', old, now, '', '', { context: 2, timeout: timeoutMs })
  if (patch === undefined) return '(too much is different to show it)\n'
  return patch.hunks
    .map(({ oldStart, oldLines, newStart, newLines, lines }) =>
      [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`, ...lines, ''].join('\n'),
    )
    .join('')
}

function asYaml(json: string): string {
  return json === '' ? '' : printYaml(parseJson(json))
}
