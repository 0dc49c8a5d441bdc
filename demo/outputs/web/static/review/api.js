// Requests to the server; an error's message is what a person may read.

export async function ask(path, body) {
  const how = body
    ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }
    : {};
  const answer = await fetch(path, how).catch(() => {
    throw new Error("the classifier does not answer");
  });
  if (answer.status === 401) location.assign("login");
  if (!answer.ok) throw Object.assign(new Error((await answer.text()).trim()), { status: answer.status });
  return answer;
}

export const askJson = async (path, body) => (await ask(path, body)).json();
