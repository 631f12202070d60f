package template

import "fmt"

func (p *properties) rolePolicy() RolePolicy {
	policy := RolePolicy{Roles: p.texts("Roles")}
	for _, raw := range alone(property[map[string]any](p, "PolicyDocument")["Statement"]) {
		fields, _ := raw.(map[string]any)
		effect, _ := fields["Effect"].(string)
		s := Statement{Effect: effect, Condition: make(map[string]map[string][]string)}
		s.Actions, s.Resources = p.textList(fields["Action"]), p.textList(fields["Resource"])
		conditions, _ := fields["Condition"].(map[string]any)
		for operator, raw := range conditions {
			keys, _ := raw.(map[string]any)
			s.Condition[operator] = make(map[string][]string)
			for key, values := range keys {
				s.Condition[operator][key] = p.textList(values)
			}
		}
		policy.Statements = append(policy.Statements, s)
	}
	return policy
}

// alone returns the list that a policy has as a list or as its only member.
func alone(value any) []any {
	if list, ok := value.([]any); ok || value == nil {
		return list
	}
	return []any{value}
}

func (p *properties) textList(value any) []string {
	var texts []string
	for _, member := range alone(value) {
		text, ok := member.(string)
		if !ok && p.err == nil {
			p.err = fmt.Errorf("a policy contains %T: %w", member, errShape)
		}
		texts = append(texts, text)
	}
	return texts
}
