/**
 * What lock.test.ts starts as processes of their own: locks the folder, prints `held` or the refusal, and then ends when its
 * standard input does (`wait`), or when nothing keeps it alive.
 */
import { lockFolder } from '../../src/state/lock.ts'

const [folder = '', wait] = process.argv.slice(2)
try {
  await lockFolder(folder)
  process.stdout.write('held\n')
  if (wait === 'wait') process.stdin.resume()
} catch (error) {
  process.stdout.write(`${(error as { code: string }).code}: ${(error as Error).message}\n`)
}
