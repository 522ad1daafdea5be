/** Shapes and attributes of a call; tfjs's layers give null where others give nothing. */
type Attribute = number | string | undefined | null | readonly Attribute[];

/**
 * A pure function that remembers its last answer for each filter, by data id: most filters meet images of one size, and
 * small layers take no longer than it would to describe them anew. The answer is right whatever becomes of the data.
 */
export function withLastAnswer<Question extends readonly Attribute[], Answer>(
  compute: (...question: Question) => Answer,
): (dataId: object, ...question: Question) => Answer {
  const last = new WeakMap<object, {readonly question: Attribute; readonly answer: Answer}>();
  return (dataId, ...question) => {
    const known = last.get(dataId);
    if (known && same(known.question, question)) return known.answer;
    const answer = compute(...question);
    last.set(dataId, {question: copy(question), answer});
    return answer;
  };
}

function same(a: Attribute, b: Attribute): boolean {
  if (!isList(a) || !isList(b)) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && !same(a[i], b[i])) return false;
  return true;
}

/** The caller may change its lists. */
function copy(attribute: Attribute): Attribute {
  return isList(attribute) ? attribute.map(copy) : attribute;
}

function isList(attribute: Attribute): attribute is readonly Attribute[] {
  return typeof attribute === 'object' && attribute !== null;
}
