{{/* An alert with the changes of prometheusRule.alerts: list ROOT RULE CHANGE. */}}
{{- define "avepoint-exporter.alert" -}}
{{- $values := (index . 0).Values.prometheusRule -}}
{{- $rule := index . 1 -}}
{{- $change := index . 2 -}}
{{- $labels := merge dict (default dict $change.labels) -}}
{{- with $change.severity }}{{ $_ := set $labels "severity" . }}{{ end -}}
{{- $labels = merge $labels (default dict $rule.labels) (default dict $values.alertLabels) -}}
{{- $own := merge dict (default dict $rule.annotations) -}}
{{- if and $values.runbookBaseUrl $own.runbook_url -}}
{{- $_ := set $own "runbook_url" (printf "%s/%s" (trimSuffix "/" $values.runbookBaseUrl) (base $own.runbook_url)) -}}
{{- end -}}
{{- $annotations := merge dict (default dict $change.annotations) $own (default dict $values.alertAnnotations) -}}
{{- $alert := merge (pick $change "expr" "for" "keep_firing_for") (omit $rule "labels" "annotations") -}}
{{- /* An empty duration removes the field. */ -}}
{{- range $key := list "for" "keep_firing_for" -}}
{{- if and (hasKey $change $key) (not (index $change $key)) }}{{ $_ := unset $alert $key }}{{ end -}}
{{- end -}}
{{- if $labels }}{{ $_ := set $alert "labels" $labels }}{{ end -}}
{{- if $annotations }}{{ $_ := set $alert "annotations" $annotations }}{{ end -}}
{{- toYaml $alert -}}
{{- end -}}

{{/* The groups of the rules with the changes of the values: list ROOT GROUPS. A group that sets an interval keeps this interval. */}}
{{- define "avepoint-exporter.ruleGroups" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values.prometheusRule -}}
{{- $groups := list -}}
{{- range $group := index . 1 -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- $change := dict -}}
{{- if $rule.alert }}{{ $change = default dict (index (default dict $values.alerts) $rule.alert) }}{{ end -}}
{{- if not $rule.alert -}}
{{- $rules = append $rules $rule -}}
{{- else if ne (toString $change.enabled) "false" -}}
{{- $rules = append $rules (include "avepoint-exporter.alert" (list $root $rule $change) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $group = set (omit $group "rules") "rules" $rules -}}
{{- if and $values.interval (not $group.interval) }}{{ $_ := set $group "interval" $values.interval }}{{ end -}}
{{- $groups = append $groups $group -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "groups" $groups) -}}
{{- end -}}

{{/* Fail if the values name an alert that does not exist: list ROOT GROUPS. */}}
{{- define "avepoint-exporter.validateRules" -}}
{{- $alerts := dict -}}
{{- range $group := index . 1 -}}
{{- range $rule := $group.rules }}{{ with $rule.alert }}{{ $_ := set $alerts . true }}{{ end }}{{ end -}}
{{- end -}}
{{- range $name, $_ := (index . 0).Values.prometheusRule.alerts -}}
{{- if not (hasKey $alerts $name) -}}
{{- fail (printf "prometheusRule.alerts.%s: this chart has no such alert." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
